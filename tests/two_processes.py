"""Runs a program as two processes of four CPU devices each."""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]


def free_port() -> int:
  with socket.socket() as probe:
    probe.bind(('localhost', 0))
    return probe.getsockname()[1]


def environment(devices: int = 4) -> dict[str, str]:
  return {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      # Small programs: compiling them is what takes time.
      'XLA_FLAGS': (
          f'--xla_force_host_platform_device_count={devices}'
          ' --xla_backend_optimization_level=0'
      ),
  }


def run(
    program: str, *arguments: str, processes: int = 2, timeout: float = 120.0
) -> list[Mapping[str, Any]]:
  """Returns what each process said, in their order.

  Args:
    program: Python; `sys.argv` holds the process, the coordinator's port, ''
      for a single process, and the arguments. What it prints as JSON objects,
      one a line, is said.
    *arguments: of the program.
    processes: 2 of four devices each, or 1 of eight.
    timeout: seconds for each process.
  """
  port = str(free_port()) if processes > 1 else ''
  running = [
      subprocess.Popen(
          [sys.executable, '-c', program, str(process), port, *arguments],
          cwd=ROOT,
          env=environment(8 // processes),
          stdout=subprocess.PIPE,
          stderr=subprocess.PIPE,
          text=True,
      )
      for process in range(processes)
  ]
  said: list[Mapping[str, Any]] = []
  try:
    for process in running:
      out, err = process.communicate(timeout=timeout)
      if process.returncode:
        raise AssertionError(err)
      # Gloo speaks as well.
      said += [json.loads(x) for x in out.splitlines() if x.startswith('{')]
  finally:
    end(running)
  return said


def end(running: Sequence[subprocess.Popen]) -> None:
  for process in running:
    process.kill()
    process.wait()
