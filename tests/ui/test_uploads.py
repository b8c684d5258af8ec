"""Photos that are too large for the server are refused before they are decoded."""

import pytest
from PIL import Image

from cuts3d.errors import InputError
from ui.server import uploads
from ui.server.uploads import MEGABYTE, check_photo


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_photo_of_too_many_pixels_is_refused_by_its_header(tmp_path, monkeypatch, suffix):
    file = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (1200, 1000)).save(file)
    check_photo(file)
    monkeypatch.setattr(uploads, "MOST_MEGAPIXELS", 1)
    with pytest.raises(InputError, match=r"1200×1000 pixels; the page takes 1 megapixels at most.*cuts3d segment"):
        check_photo(file)


def test_a_heic_photo_has_the_same_limit(monkeypatch, shared_folder):
    pytest.importorskip("pi_heif", reason="the extra heic is not installed")
    file = shared_folder / "cases" / "photo.heic"
    if not file.is_file():
        pytest.skip("there is no HEIC file; none can be written here")
    check_photo(file)
    monkeypatch.setattr(uploads, "MOST_MEGAPIXELS", 0)
    with pytest.raises(InputError, match="megapixels"):
        check_photo(file)


def test_a_photo_of_too_many_bytes_is_refused(tmp_path):
    file = tmp_path / "photo.bin"
    with file.open("wb") as stream:
        stream.truncate(61 * MEGABYTE)
    with pytest.raises(InputError, match="61 MB; at most 60 MB"):
        check_photo(file)


def test_what_cannot_be_opened_is_left_to_its_reader(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    check_photo(broken)
    check_photo(tmp_path / "missing.jpg")
