"""Time and memory as the input grows, where that can be told without a virtual machine: recovery points, and scripts."""
import pathlib
import tempfile

from bench import costs, inputs, plot, report
from bench.cloud import Cloud

POINTS = [10, 100, 1000, 10000]
SIZES = [1 << 10, 16 << 10, 128 << 10, 1000 << 10]


def medians_of(rounds: int, commands: dict, environment) -> dict:
    """Key to median costs; one after the other in each round."""
    samples = {key: [] for key in commands}
    for _ in range(rounds):
        for key, command in commands.items():
            samples[key].append(costs.measure(command, environment=environment))
    return {key: costs.Costs(*map(report.median, zip(*found))) for key, found in samples.items()}


def panels(name: str, x_label: str, found: dict) -> list:
    return [(f"{name}: time", x_label, {"s": [(x, one.seconds) for x, one in found.items()],
                                        "CPU s": [(x, one.cpu) for x, one in found.items()]}),
            (f"{name}: memory", x_label, {"peak MiB": [(x, max(one.peak_mib, 0.1)) for x, one in found.items()]})]


def rows_of(name: str, found: dict) -> list:
    return [[f"{name}, {x}", one.seconds * 1000, one.cpu * 1000, one.peak_mib] for x, one in found.items()]


def measure(options) -> int:
    azilr, head = options.build / "azilr", report.machine()
    cloud = Cloud(POINTS)
    with tempfile.TemporaryDirectory() as folder:
        scripts = {size: pathlib.Path(folder) / f"web01_weu_{size}.py" for size in SIZES}
        for size, path in scripts.items():
            path.write_text(inputs.script(size))
            path.chmod(0o600)
        try:
            points = medians_of(options.rounds, {count: [azilr, "list", "points", f"vm{count}", *cloud.sign_in]
                                                 for count in POINTS}, cloud.environment)
            sizes = medians_of(options.rounds, {size: [azilr, "inspect", path] for size, path in scripts.items()},
                               cloud.environment)
        finally:
            cloud.close()
    (options.results / "growth.svg").write_text(plot.svg(
        panels("list points", "recovery points", points) + panels("inspect", "bytes of script", sizes)))
    report.write(options.results / "growth.md", f"# How it grows\n\n{head}. Medians of {options.rounds}. ![](growth.svg)\n\n"
                 + report.table(["input", "ms", "CPU ms", "peak MiB"],
                                rows_of("list points", points) + rows_of("inspect, bytes", sizes)))
    return 0
