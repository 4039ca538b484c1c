"""`python -m detector train|measure FILE`."""

import argparse
from pathlib import Path


def main() -> None:
    """Trains a model, or tells how well one does."""
    parser = argparse.ArgumentParser(prog="detector")
    parser.add_argument("what", choices=("train", "measure"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    asked = parser.parse_args()
    if asked.what == "train":
        import onnx

        from detector.network import as_onnx
        from detector.training import train

        asked.file.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(as_onnx(train(asked.steps)), asked.file)
    from detector.measuring import measure

    precision, recall = measure(str(asked.file))
    print(f"precision {precision:.3f}, recall {recall:.3f}, over 1,000 pictures")


if __name__ == "__main__":
    main()
