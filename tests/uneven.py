"""Training by threads on cores of different speed, as a phone has them: nobody may wait for the slowest.
usage: uneven.py PALMNET [FOLDER_OF_MNIST] [ROUNDS]; Linux, as root, at least two cores, best an idle machine

Half of the cores are slowed down to about a third: on each, a process of a higher (real-time) priority works for 0.2 ms
and sleeps for 0.1 ms. Prints, for some sizes of a mini-batch, the seconds of an epoch in turns (medians): by one thread
on a fast core, by all threads on equal cores, by all threads with half of the cores slow, and the ideal of these, where every core does
as much as it can.
"""
import json, multiprocessing, os, statistics, subprocess, sys, time

palmnet, rounds = sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 3
data = ["--data", sys.argv[2]] if len(sys.argv) > 2 else []
cores = sorted(os.sched_getaffinity(0))
fast, slow = cores[: len(cores) // 2], cores[len(cores) // 2 :]


def occupy(core, work=200e-6, rest=100e-6):
    """Leaves a third of this core to others."""
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    while True:
        end = time.perf_counter() + work
        while time.perf_counter() < end:
            pass
        time.sleep(rest)


def epoch(threads, batch, allowed):
    command = [palmnet, "bench", "train", "--threads", str(threads), "--batch", str(batch), "--epochs", "8", "--json"]
    pin = lambda: os.sched_setaffinity(0, allowed)
    lines = subprocess.run(command + data, capture_output=True, text=True, check=True, preexec_fn=pin).stdout.splitlines()
    return statistics.median(json.loads(next(line for line in lines if '"train"' in line))["epoch_s"])


def slowed(run):
    others = [multiprocessing.Process(target=occupy, args=[core], daemon=True) for core in slow]
    for other in others:
        other.start()
    time.sleep(0.1)
    try:
        return run()
    finally:
        for other in others:
            other.kill()
            other.join()


print(f"{len(fast)} fast and {len(slow)} slow cores, seconds of an epoch")
for batch in (16, 64, 256, 1000):
    times = []
    for _ in range(rounds):
        alone = epoch(1, batch, fast)
        of_slow = slowed(lambda: epoch(1, batch, slow))
        times.append((alone, epoch(len(cores), batch, cores), slowed(lambda: epoch(len(cores), batch, cores)), of_slow))
    alone, even, uneven, of_slow = (statistics.median(column) for column in zip(*times))
    ideal = 1 / (len(fast) / alone + len(slow) / of_slow)
    print(f"batch {batch:4}: one fast core {alone:.3f}, one slow core {of_slow:.3f}, all cores equal {even:.3f}, "
          f"half of them slow {uneven:.3f} ({uneven / alone:.2f} of one fast core's time; ideal {ideal / alone:.2f})")
