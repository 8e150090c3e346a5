"""Cut the demo's data from the full logs: python -m config.demo.cut ../shared/data (docs in data/README.md)."""

import sys
import zlib
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent / "data"
ONE_IN = 10


def is_kept(external_id: str) -> bool:
    """One flight in ten, by its id alone: every day, carrier and hour keeps its share."""
    return zlib.crc32(external_id.encode()) % ONE_IN == 0


def main(source: Path) -> None:
    flights = pd.read_parquet(source / "flights.parquet")
    kept = flights[flights["id"].map(is_kept)].reset_index(drop=True)
    for name, rows in (("flights", kept), ("prices", pd.read_parquet(source / "prices.parquet"))):
        rows.to_parquet(HERE / f"{name}.parquet", compression="zstd", compression_level=19, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
