# TEST (3, 4) -> 5.0
from __future__ import annotations
import dataclasses
@dataclasses.dataclass(order=True, slots=True)
class Point:
  x: float
  y: float
  def norm(self: Point) -> float:
    return (self.x ** 2 + self.y ** 2) ** 0.5
def solve(x, y):
  return Point(x, y).norm()
