"""``python -m experiments play RUN``."""

import jax.numpy as jnp
import pytest

from experiments import play
from experiments.__main__ import main
from tasks.rl import control
from tasks.rl.saved import save

Image = pytest.importorskip("PIL.Image")


def test_controllers_of_a_folder_become_gifs(tmp_path, capsys):
    task = control("cartpole", (2,), num_episodes=1, max_steps=30)
    run, out = tmp_path / "run", tmp_path / "out"
    (run / "controllers").mkdir(parents=True)
    save(run / "controllers" / "left.safetensors", task, jnp.zeros(task.num_dims))
    assert main(["play", str(run), "--out", str(out)]) == 0
    with Image.open(out / "left.gif") as gif:
        frames = set()
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.add(gif.convert("RGB").tobytes())
    assert len(frames) > 1
    assert "steps" in capsys.readouterr().out
    assert play.find(str(run)) == [run / "controllers" / "left.safetensors"]


def test_nothing_to_play_is_exit_code_2(tmp_path, capsys):
    assert main(["play", str(tmp_path)]) == 2
    assert "run: expected a .safetensors file" in " ".join(capsys.readouterr().err.split())
