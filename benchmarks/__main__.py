"""`make bench`: measures, prints a table, writes `benchmarks/results`."""

from benchmarks import containers, handover, remotes, report


def main() -> None:
    """Run every benchmark of this folder, one after the other."""
    described = report.machine()
    found = handover.measure()
    found.figures += [*remotes.measure(), *containers.measure()]
    report.show(found.figures)
    print(f"written to {report.write(described, found)}")


if __name__ == "__main__":
    main()
