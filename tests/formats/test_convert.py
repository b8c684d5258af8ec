"""Labels in the formats of other tools, read back by each tool where it is installed."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from label_samples import NAMES, SIZE, disc, shapes, speck
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from cuts3d.arrays import BoolArray
from cuts3d.cli.convert import FORMATS
from cuts3d.cli.main import main
from cuts3d.errors import ConfigError, InputError
from cuts3d.formats import convert
from cuts3d.formats.conversion import WRITERS
from cuts3d.formats.label_studio import brush_rle
from cuts3d.formats.polygons import joined, outline
from cuts3d.formats.voc import palette


def overlap(first: BoolArray, second: BoolArray) -> float:
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


def drawn(parts: list[np.ndarray]) -> BoolArray:
    """Polygons as labelme draws them."""
    image = Image.new("L", (SIZE[1], SIZE[0]))
    for part in parts:
        ImageDraw.Draw(image).polygon([tuple(point) for point in part.tolist()], outline=1, fill=1)
    return np.asarray(image) > 0


@pytest.fixture(autouse=True)
def tracing(request):
    """Polygons need supervision."""
    name = request.node.name
    if any(word in name for word in ("yolo", "labelme", "polygon")):
        pytest.importorskip("supervision", reason="needs the extra `formats`")
    if "parquet" in name:
        pytest.importorskip("pyarrow", reason="needs the extra `formats`")


def test_the_command_line_offers_every_writer():
    assert tuple(WRITERS) == FORMATS


# ---- polygons


@pytest.mark.parametrize("number", range(4))
def test_polygons_filled_with_their_border_give_the_mask_back(number):
    mask = shapes()[number]
    found = outline(mask)
    assert len(found.parts) == (2 if number == 2 else 1)
    assert found.bridged == (number in (1, 3))
    assert not (found.filled or found.dropped or found.boxed)
    cv2 = pytest.importorskip("cv2", reason="fills polygons as the tools do")
    canvas = np.zeros(SIZE, dtype=np.uint8)
    for part in found.parts:
        cv2.fillPoly(canvas, [part.astype(np.int32)], 1)
    np.testing.assert_array_equal(canvas > 0, mask)


def test_polygons_of_several_parts_are_joined_by_lines_of_one_pixel():
    mask = shapes()[2]
    whole = joined(outline(mask).parts)
    cv2 = pytest.importorskip("cv2", reason="fills polygons as the tools do")
    canvas = np.zeros(SIZE, dtype=np.uint8)
    cv2.fillPoly(canvas, [whole.astype(np.int32)], 1)
    extra = (canvas > 0) & ~mask
    assert (canvas > 0)[mask].all()
    assert 0 < extra.sum() < SIZE[1]


def test_a_mask_too_thin_for_a_polygon_is_a_box_and_a_thin_part_is_counted():
    line = np.zeros(SIZE, dtype=bool)
    line[4, 5:9] = True
    found = outline(line)
    assert found.boxed
    assert found.parts[0].tolist() == [[5, 4], [8, 4], [8, 4], [5, 4]]
    dotted = disc(40, 40, 9)
    dotted[2, 3] = True
    assert outline(dotted).dropped == 1


# ---- each format by its own tool


def test_yolo_is_read_by_supervision(sample, tmp_path):
    import supervision as sv  # pyright: ignore[reportMissingImports]

    done = convert(sample.document, "yolo", tmp_path / "out", photos=sample.photos)
    assert (done.images, done.objects) == (3, 5)
    assert done.losses == {"scores": 5, "joined": 1, "bridged": 2}
    for name in NAMES:
        label = (tmp_path / "out" / "labels" / name).with_suffix(".txt")
        image = tmp_path / "out" / "images" / name
        assert image.read_bytes() == (sample.photos / name).read_bytes()
        read = sv.DetectionDataset.from_yolo(
            str(image.parent), str(label.parent), str(tmp_path / "out" / "data.yaml"), force_masks=True
        )
        found = read.annotations[str(image)]
        assert read.classes == ["object"]
        assert len(found) == len(sample.masks[name])
        for number, mask in enumerate(sample.masks[name]):
            assert found.mask is not None
            same = overlap(np.asarray(found.mask[number]), mask)
            assert same > (0.93 if name == NAMES[0] and number == 2 else 0.999)


def test_yolo_of_boxes_only_are_boxes_and_a_crowd_is_left_out(sample, tmp_path):
    for entry in sample.document["annotations"]:
        del entry["segmentation"]
    sample.document["annotations"][1]["iscrowd"] = 1
    done = convert(sample.document, "yolo", tmp_path / "out")
    lines = (tmp_path / "out" / "labels" / "plain.txt").read_text().splitlines()
    assert done.losses == {"scores": 4, "crowds": 1}
    assert len(lines) == 3
    x, y, w, h = (float(value) for value in lines[0].split()[1:])
    assert (x * SIZE[1], y * SIZE[0]) == pytest.approx((20.5, 20.5), abs=1e-3)
    assert (w * SIZE[1], h * SIZE[0]) == pytest.approx((25, 25), abs=1e-3)
    assert (tmp_path / "out" / "labels" / "nothing.txt").read_text() == ""


def test_labelme_is_read_by_supervision_and_drawn_by_labelme_s_rule(sample, tmp_path):
    done = convert(sample.document, "labelme", tmp_path / "out", photos=sample.photos)
    assert done.losses == {"bridged": 2}
    for name in NAMES:
        path = (tmp_path / "out" / name).with_suffix(".json")
        content = json.loads(path.read_text(encoding="utf-8"))
        assert (path.parent / content["imagePath"]).is_file()
        groups: dict[Any, list[np.ndarray]] = {}
        for number, shape in enumerate(content["shapes"]):
            own = shape["group_id"] if shape["group_id"] is not None else f"alone {number}"
            groups.setdefault(own, []).append(np.array(shape["points"]))
        assert len(groups) == len(sample.masks[name])
        for parts, mask in zip(groups.values(), sample.masks[name], strict=True):
            assert overlap(drawn(parts), mask) > 0.98
    import supervision as sv  # pyright: ignore[reportMissingImports]

    folder = tmp_path / "out"
    read = sv.DetectionDataset.from_labelme(str(folder), str(folder))
    found = read.annotations[str(folder / "plain.jpg")]
    assert sum(len(one) for one in read.annotations.values()) == 4  # supervision reads one folder
    assert found.mask is not None
    for number, mask in enumerate(sample.masks["plain.jpg"]):
        np.testing.assert_array_equal(np.asarray(found.mask[number]), mask)


def test_labelme_itself_opens_the_file(sample, tmp_path):
    try:
        from labelme import LabelFile  # pyright: ignore[reportMissingImports]
    except Exception as error:
        pytest.skip(f"labelme cannot be loaded here: {error}")
    convert(sample.document, "labelme", tmp_path / "out", photos=sample.photos)
    found = LabelFile(str(tmp_path / "out" / "plain.json"))
    assert len(found.shapes) == 5
    assert found.imageData == (sample.photos / "plain.jpg").read_bytes()


def test_voc_is_read_by_torchvision(sample, tmp_path):
    from torchvision.datasets import VOCDetection, VOCSegmentation

    out = tmp_path / "VOCdevkit" / "VOC2012"
    done = convert(sample.document, "voc", out, photos=sample.photos)
    assert done.losses == {}
    boxes = VOCDetection(str(tmp_path), year="2012", image_set="trainval")
    names = ["plain", "ein ordner__größe 日本", "nothing"]
    assert len(boxes) == 3
    for number, name in enumerate(names):
        image, found = boxes[number]
        content = found["annotation"]
        assert image.size == SIZE[::-1]
        assert content["filename"] == f"{name}.jpg"
        assert content["path"] == NAMES[number]
        objects = content.get("object", [])
        assert len(objects) == len(sample.masks[NAMES[number]])
        for entry, mask in zip(objects, sample.masks[NAMES[number]], strict=True):
            rows, columns = np.nonzero(mask)
            corners = [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
            assert [int(entry["bndbox"][key]) for key in ("xmin", "ymin", "xmax", "ymax")] == corners
    pictures = VOCSegmentation(str(tmp_path), year="2012", image_set="trainval")
    assert len(pictures) == 2
    for number in range(2):
        assert set(np.unique(np.asarray(pictures[number][1]))) == {0, 1}
        numbers = np.asarray(Image.open(out / "SegmentationObject" / f"{names[number]}.png"))
        for position, mask in enumerate(sample.masks[NAMES[number]], start=1):
            np.testing.assert_array_equal(numbers == position, mask)


def test_voc_draws_small_masks_over_large_ones_and_counts_what_is_covered(sample, tmp_path):
    inner = disc(20, 20, 4)
    sample.document["annotations"].append(
        {**sample.document["annotations"][0], "id": 99, "segmentation": coco(inner), "bbox": [16.5, 16, 9, 9]}
    )
    done = convert(sample.document, "voc", tmp_path / "out")
    assert done.losses == {"covered": 1, "rounded": 1}
    numbers = np.asarray(Image.open(tmp_path / "out" / "SegmentationObject" / "plain.png"))
    np.testing.assert_array_equal(numbers == 5, inner)


def coco(mask: BoolArray) -> dict[str, Any]:
    from cuts3d.io.coco import encode_rle

    return encode_rle(mask)


def test_the_palette_is_that_of_voc():
    assert palette()[[0, 1, 2, 15, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [192, 128, 128],
        [224, 224, 192],
    ]


def read_brush(content: list[int]) -> np.ndarray:
    """A plain reader of the stream that `brush_rle` describes, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in content)
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    total, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        run, length = take(1), take(sizes[take(2)]) + 1
        values += [take(word)] * length if run else [take(word) for _ in range(length)]
    return np.array(values).reshape(*SIZE, 4)


@pytest.mark.parametrize("mask", [*shapes(), np.ones(SIZE, dtype=bool), np.zeros(SIZE, dtype=bool)])
def test_the_brush_of_label_studio_keeps_every_pixel(mask):
    assert (read_brush(brush_rle(mask)) == np.where(mask, 255, 0)[..., None]).all()


@pytest.mark.parametrize("size", [SIZE, (700, 900)])
def test_the_brush_of_label_studio_is_read_by_its_own_tool(size):
    brush = pytest.importorskip("label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed")
    y, x = np.mgrid[: size[0], : size[1]]
    mask = (y - 40) ** 2 + (x - 50) ** 2 < 900
    found = np.asarray(brush.decode_rle(brush_rle(mask))).reshape(*size, 4)
    assert (found == np.where(mask, 255, 0)[..., None]).all()


def test_tasks_of_label_studio(sample, tmp_path):
    del sample.document["annotations"][0]["score"]
    del sample.document["annotations"][1]["segmentation"]
    done = convert(sample.document, "label-studio", tmp_path / "out")
    first, second, third = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert done.losses == {}
    assert second["data"]["image"].endswith("?d=ein%20ordner/gr%C3%B6%C3%9Fe%20%E6%97%A5%E6%9C%AC.jpg")
    assert "predictions" not in third and "annotations" not in third
    (drawing,) = first["annotations"][0]["result"]
    box, *masks = first["predictions"][0]["result"]
    assert (read_brush(drawing["value"]["rle"])[..., 0] > 0).tolist() == sample.masks[NAMES[0]][0].tolist()
    assert box["type"] == "rectanglelabels"
    assert box["value"]["x"] == pytest.approx(100 * 42 / SIZE[1])
    assert [one["score"] for one in masks] == [0.3, 0.4]
    config = (tmp_path / "out" / "label_config.xml").read_text()
    assert all(f'name="{one["from_name"]}"' in config for one in (drawing, box))


def test_fiftyone_s_folder_is_coco_and_keeps_everything(sample, tmp_path):
    sample.document["annotations"][3]["iscrowd"] = 1
    convert(sample.document, "fiftyone", tmp_path / "out", photos=sample.photos)
    found = COCO(str(tmp_path / "out" / "labels.json"))
    for entry, original in zip(found.dataset["annotations"], sample.document["annotations"], strict=True):
        assert entry == {**original, "image_id": original["image_id"] // 10}
    for image in found.dataset["images"]:
        assert (tmp_path / "out" / "data" / image["file_name"]).is_file()


def test_parquet_is_opened_by_datasets(sample, tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    done = convert(sample.document, "parquet", tmp_path / "out")
    read = datasets.Dataset.from_parquet(str(tmp_path / "out" / "labels.parquet"), cache_dir=str(tmp_path / "cache"))
    assert done.losses == {}
    assert read["image"] == list(NAMES) or list(read["image"]) == list(NAMES)
    for row in read:
        assert (row["width"], row["height"]) == SIZE[::-1]
        assert len(row["objects"]) == len(sample.masks[row["image"]])
        for entry, mask in zip(row["objects"], sample.masks[row["image"]], strict=True):
            np.testing.assert_array_equal(coco_mask.decode(entry["mask"]).astype(bool), mask)
            assert entry["area"] == mask.sum()
            assert entry["confidence"] == {"size": [1, 2], "zlib": "eJxjAAAAAQAB"}
    assert [entry["score"] for entry in read[0]["objects"]] == [0.1, 0.2, 0.3, 0.4]


# ---- all formats


@pytest.mark.parametrize("to", FORMATS)
def test_a_document_without_annotations_and_one_without_images(to, sample, tmp_path):
    sample.document["annotations"] = []
    assert convert(sample.document, to, tmp_path / "a").objects == 0
    sample.document["images"] = []
    assert convert(sample.document, to, tmp_path / "b").images == 0


@pytest.mark.parametrize("to", FORMATS)
def test_the_document_is_not_changed_and_no_pixel_is_needed(to, sample, tmp_path):
    before = copy.deepcopy(sample.document)
    assert convert(sample.document, to, tmp_path / "out").objects == 5
    assert sample.document == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


@pytest.mark.parametrize("to", FORMATS)
def test_low_scores_and_unusable_annotations_are_counted(to, sample, tmp_path):
    sample.document["annotations"].append(
        {"id": 7, "image_id": 10, "category_id": 1, "score": 0.9, "bbox": [1, 1, 0, 0]}
    )
    done = convert(sample.document, to, tmp_path / "out", least_score=0.25)
    assert done.objects == 3
    assert (done.losses["low_scores"], done.losses["unusable"]) == (2, 1)
    assert "Left out: 2 objects with a lower score than asked for, or with none." in done.notes


def test_polygons_of_thin_masks_and_of_boxes_are_counted(sample, tmp_path):
    first, second, *_ = sample.document["annotations"]
    first["segmentation"] = speck((5, 5))
    del second["segmentation"]
    done = convert(sample.document, "yolo", tmp_path / "out")
    assert (done.losses["boxed"], done.losses["box_polygons"]) == (1, 1)
    assert len((tmp_path / "out" / "labels" / "plain.txt").read_text().splitlines()) == 4


def test_names_of_classes_and_polygons_of_other_documents(sample, tmp_path):
    sample.document["categories"] = [{"id": 7, "name": 'a "cat": x'}, {"id": 3, "name": "dog"}]
    for entry in sample.document["annotations"]:
        entry["category_id"] = 3
    sample.document["annotations"][0]["segmentation"] = [[10, 10, 30, 10, 30, 30, 10, 30]]
    convert(sample.document, "yolo", tmp_path / "out")
    import yaml

    content = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text(encoding="utf-8"))
    assert content["names"] == {0: 'a "cat": x', 1: "dog"}
    assert (tmp_path / "out" / "labels" / "plain.txt").read_text().startswith("1 ")


def test_sizes_are_read_from_the_photos_and_a_photo_of_another_size_is_refused(sample, tmp_path):
    for image in sample.document["images"]:
        del image["width"], image["height"]
    sample.document["annotations"] = sample.document["annotations"][:4]
    with pytest.raises(InputError, match="give the folder of the photos"):
        convert(sample.document, "voc", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    convert(sample.document, "voc", tmp_path / "out", photos=sample.photos)
    assert "<width>120</width>" in (tmp_path / "out" / "Annotations" / "nothing.xml").read_text()
    sample.document["images"][2].update(width=SIZE[0], height=SIZE[1])
    with pytest.raises(InputError, match="labels are for 90×120"):
        convert(sample.document, "voc", tmp_path / "other", photos=sample.photos)


def test_a_turned_photo_and_a_missing_one_are_said(sample, tmp_path):
    path = sample.photos / "nothing.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(path, exif=exif)  # stored turned: seen, it is 120 pixels wide
    (sample.photos / NAMES[1]).unlink()
    done = convert(sample.document, "voc", tmp_path / "out", photos=sample.photos)
    assert done.losses == {"turned": 1, "missing": 1}


@pytest.mark.parametrize("name", ["../a.jpg", "a/../../b.jpg", "a\nb.jpg", "/", "C:\\"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name, sample, tmp_path):
    sample.document["images"][0]["file_name"] = name
    with pytest.raises(InputError, match="none inside a folder"):
        convert(sample.document, "voc", tmp_path / "out")


def test_two_photos_of_one_label_file_are_refused(sample, tmp_path):
    sample.document["images"][2]["file_name"] = "plain.png"
    with pytest.raises(InputError, match=r"'plain\.jpg' and 'plain\.png' would both be written to 'labels/plain\.txt'"):
        convert(sample.document, "yolo", tmp_path / "out")
    sample.document["images"][2]["file_name"] = "./plain.jpg"
    with pytest.raises(InputError, match="Two images have the file name"):
        convert(sample.document, "fiftyone", tmp_path / "out")


def test_wrong_targets_are_refused_and_nothing_is_overwritten(sample, tmp_path):
    with pytest.raises(ConfigError, match="'tfrecord'"):
        convert(sample.document, "tfrecord", tmp_path / "out")
    with pytest.raises(ConfigError, match="not an empty folder"):
        convert(sample.document, "voc", sample.photos)
    with pytest.raises(ConfigError, match="no folder of photos"):
        convert(sample.document, "voc", tmp_path / "out", photos=tmp_path / "none")
    with pytest.raises(InputError, match="must hold a JSON object"):
        convert([], "voc", tmp_path / "out")
    assert sorted(path.name for path in sample.photos.iterdir()) == ["ein ordner", "nothing.jpg", "plain.jpg"]


def test_the_command_says_what_is_lost(sample, tmp_path, capsys):
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(sample.document))
    assert main(["convert", str(labels), str(tmp_path / "out"), "--to", "voc", "--score", "0.2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("4 objects of 3 images")
    assert "note: Left out: 1 object with a lower score" in err
    assert main(["convert", str(labels), str(tmp_path / "out"), "--to", "voc"]) == 2
