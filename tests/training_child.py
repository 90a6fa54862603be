"""Trains the toy system in a process of its own, for the tests to kill or resume.

python training_child.py RUN [--resume] [--devices N] [--use N] [--loop KIND]
                         [--steps N] [--every N]
"""

import argparse
import dataclasses
import os


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--devices", type=int, default=1, help="virtual CPU devices")
    parser.add_argument("--loop", default="auto")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=10)
    options = parser.parse_args()
    flag = f"--xla_force_host_platform_device_count={options.devices}"
    os.environ["XLA_FLAGS"] = flag
    os.environ["JAX_PLATFORMS"] = "cpu"

    from toy.config import Config
    from toy.system import SYSTEM as TOY

    from physjax.training import Interrupted, train

    config = Config()
    settings = dataclasses.replace(
        config.train,
        steps=options.steps,
        checkpoint_every=options.every,
        loop=options.loop,
    )
    config = dataclasses.replace(config, train=settings)
    try:
        train(TOY, config, options.run, resume=options.resume, progress="plain")
    except Interrupted as stop:
        print(stop, flush=True)
        return stop.exit_code
    print("finished", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
