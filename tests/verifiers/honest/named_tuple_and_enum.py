# TEST ('red',) -> (1, 'RED')
import enum, typing
class Colour(enum.Enum):
  RED = 1
class Pair(typing.NamedTuple):
  value: int
  name: str
def solve(name):
  colour = Colour[name.upper()]
  return tuple(Pair(colour.value, colour.name))
