"""What the command itself costs, where that can be told without a virtual machine; `mount` is in the lab's part."""
import pathlib
import tempfile

from bench import costs, inputs, report
from bench.cloud import Cloud

REPEATS = 20


def measure(options) -> int:
    azilr, head = options.build / "azilr", report.machine()
    cloud = Cloud([100])
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "web01_weu_1.py"
        script.write_text(inputs.script(30000))
        script.chmod(0o600)
        commands = {"--version": ["--version"], "status": ["status"], "inspect, 30 KB": ["inspect", script],
                    "list points, 100": ["list", "points", "vm100", *cloud.sign_in]}
        samples = {name: [] for name in commands}
        try:
            for _ in range(options.rounds * REPEATS // 7 + 1):
                for name, arguments in commands.items():
                    samples[name].append(costs.measure([azilr, *arguments], environment=cloud.environment))
        finally:
            cloud.close()
    medians = {name: costs.Costs(*map(report.median, zip(*found))) for name, found in samples.items()}
    goals = report.Goals()
    goals.at_most("--version, CPU ms", medians["--version"].cpu * 1000, 5)
    goals.at_most("status, CPU ms", medians["status"].cpu * 1000, 20)
    goals.at_most("status, ms", medians["status"].seconds * 1000, 20)
    rows = [[name, found.seconds * 1000, found.cpu * 1000, found.peak_mib] for name, found in medians.items()]
    report.write(options.results / "command.md", f"# The command itself\n\n{head}. Medians of {len(samples['status'])}; a few "
                 f"milliseconds of the CPU are the loading of libraries.\n\n"
                 + report.table(["command", "ms", "CPU ms", "peak MiB"], rows) + "\n" + goals.table())
    return goals.missed
