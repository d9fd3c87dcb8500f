"""Functions of shapes, points and units."""

from swm_jax.tasks import base
from swm_jax.tasks.python_functions import inputs

_SIDES = inputs.cases(inputs.integer(1, 20), inputs.integer(1, 20))
_THREE_SIDES = inputs.cases(
    inputs.integer(1, 9), inputs.integer(1, 9), inputs.integer(1, 9)
)
_POINT = inputs.cases(
    inputs.integer(-6, 12), inputs.integer(-6, 12),
    edges=(
        (0, 0), (4, 0), (3, 4), (0, 8), (4, 3), (2, 5), (0, 3), (3, 0),
        (6, 2), (1, 4), (10, 4), (5, 8), (-1, 2), (2, -1),
    ),
    count=20,
)
_TWO_POINTS = inputs.cases(
    inputs.integer(-9, 9, edges=(0,)), inputs.integer(-9, 9),
    inputs.integer(-9, 9, edges=(0,)), inputs.integer(-9, 9),
)

TYPE = 'number_geometry'

TEMPLATES = (
  base.Template(
      name='regular_perimeter',
      family='geometry_regular_perimeter',
      describe=(
          'Given the side length of a regular {shape}, return its perimeter.'
      ),
      reference='{k} * side',
      arguments='side',
      inputs=inputs.cases(inputs.integer(1, 30), count=8),
      parameters=(
          {'shape': 'triangle', 'k': 3},
          {'shape': 'pentagon', 'k': 5},
          {'shape': 'hexagon', 'k': 6},
      ),
  ),
  base.Template(
      name='box_volume',
      family='geometry_box_volume',
      describe='Given the side lengths a, b and c of a box, return its volume.',
      reference='a * b * c',
      arguments='a, b, c',
      inputs=_THREE_SIDES,
  ),
  base.Template(
      name='box_surface',
      family='geometry_box_surface',
      describe=(
          'Given the side lengths a, b and c of a box, return the total area '
          'of its six faces.'
      ),
      reference='2 * (a * b + b * c + a * c)',
      arguments='a, b, c',
      inputs=_THREE_SIDES,
  ),
  base.Template(
      name='triangle_area',
      family='geometry_triangle_area',
      describe=(
          'Given the base and the height of a triangle, return its area as a '
          'float.'
      ),
      reference='base * height / 2',
      arguments='base, height',
      inputs=_SIDES,
  ),
  base.Template(
      name='trapezoid_area',
      family='geometry_trapezoid_area',
      describe=(
          'Given the parallel sides a and b and the height of a trapezoid, '
          'return its area as a float.'
      ),
      reference='(a + b) * height / 2',
      arguments='a, b, height',
      inputs=_THREE_SIDES,
  ),
  base.Template(
      name='manhattan_distance',
      family='geometry_manhattan_distance',
      describe=(
          'Given a point (x, y), return the absolute difference of x and {p} '
          'plus the absolute difference of y and {q}.'
      ),
      reference='abs(x - {p}) + abs(y - {q})',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'p': 1, 'q': 2}, {'p': 3, 'q': 5}, {'p': 4, 'q': 1}),
  ),
  base.Template(
      name='inside_circle',
      family='geometry_inside_circle',
      describe=(
          'Given a point (x, y), return True if its distance from (0, 0) is at '
          'most {r}, and False otherwise.'
      ),
      reference='x * x + y * y <= {r} * {r}',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'r': 4}, {'r': 5}, {'r': 8}),
  ),
  base.Template(
      name='inside_rectangle',
      family='geometry_inside_rectangle',
      describe=(
          'Given a point (x, y), return True if x is from 0 to {w} and y is '
          'from 0 to {h}, limits included, and False otherwise.'
      ),
      reference='0 <= x <= {w} and 0 <= y <= {h}',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'w': 4, 'h': 5}, {'w': 6, 'h': 4}, {'w': 10, 'h': 8}),
  ),
  base.Template(
      name='squared_distance',
      family='geometry_squared_distance',
      describe=(
          'Given a point (x, y), return the square of its distance from the '
          'point ({p}, {q}).'
      ),
      reference='(x - {p}) ** 2 + (y - {q}) ** 2',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'p': 1, 'q': 2}, {'p': 3, 'q': 1}, {'p': 5, 'q': 4}),
  ),
  base.Template(
      name='to_small_unit',
      family='unit_combine',
      describe=(
          'Given a {big} and b {small}, return the total number of {small}.'
      ),
      reference='{k} * a + b',
      arguments='a, b',
      inputs=inputs.cases(
          inputs.integer(0, 20, edges=(0, 1)),
          inputs.integer(0, 6, edges=(5, 0)),
      ),
      parameters=(
          {'big': 'hours', 'small': 'minutes', 'k': 60},
          {'big': 'weeks', 'small': 'days', 'k': 7},
          {'big': 'feet', 'small': 'inches', 'k': 12},
      ),
  ),
  base.Template(
      name='split_units',
      family='unit_split',
      describe=(
          'Given n {small}, return a tuple of the number of full {big} and the '
          'number of {small} left over.'
      ),
      reference='(n // {k}, n % {k})',
      arguments='n',
      inputs=inputs.cases(inputs.integer(10, 200, edges=(0, 6, 60, 84))),
      parameters=(
          {'big': 'hours', 'small': 'minutes', 'k': 60},
          {'big': 'weeks', 'small': 'days', 'k': 7},
          {'big': 'dozens', 'small': 'eggs', 'k': 12},
      ),
  ),
  base.Template(
      name='polygon_diagonals',
      family='geometry_polygon_diagonals',
      describe=(
          'Given a polygon with n sides, return the number of its diagonals.'
      ),
      reference='n * (n - 3) // 2',
      arguments='n',
      inputs=inputs.cases(inputs.integer(3, 20, edges=(3, 4, 5))),
  ),
  base.Template(
      name='tiles_that_fit',
      family='geometry_tiles',
      describe=(
          'Given a rectangle with sides w and h, return how many squares of '
          'side {k} fit in a grid inside it.'
      ),
      reference='(w // {k}) * (h // {k})',
      arguments='w, h',
      inputs=inputs.cases(
          inputs.integer(1, 30, edges=(1, 12)),
          inputs.integer(1, 30, edges=(20, 12)),
      ),
      parameters=({'k': 2}, {'k': 3}, {'k': 5}),
  ),
  base.Template(
      name='cost_of_order',
      family='unit_cost',
      describe=(
          'A book costs {p} and delivery of an order costs {s}. Return the '
          'total cost of an order of n books.'
      ),
      reference='{p} * n + {s}',
      arguments='n',
      inputs=inputs.cases(inputs.integer(1, 30, edges=(0, 1))),
      parameters=({'p': 5, 's': 3}, {'p': 12, 's': 4}, {'p': 8, 's': 10}),
  ),
  base.Template(
      name='frame_area',
      family='geometry_frame_area',
      describe=(
          'Given a picture with sides w and h and a frame of width {k} all '
          'around it, return the area of the frame alone.'
      ),
      reference='(w + {m}) * (h + {m}) - w * h',
      arguments='w, h',
      inputs=_SIDES,
      parameters=({'k': 1, 'm': 2}, {'k': 2, 'm': 4}, {'k': 3, 'm': 6}),
  ),
  base.Template(
      name='midpoint',
      family='geometry_midpoint',
      describe=(
          'Given two points (x1, y1) and (x2, y2), return the point halfway '
          'between them as a tuple of two floats.'
      ),
      reference='((x1 + x2) / 2, (y1 + y2) / 2)',
      arguments='x1, y1, x2, y2',
      inputs=_TWO_POINTS,
  ),
  base.Template(
      name='move_point',
      family='geometry_translate',
      describe=(
          'Given a point (x, y), return the point moved by {p} in x and by {q} '
          'in y as a tuple.'
      ),
      reference='(x + {p}, y + {q})',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'p': 1, 'q': 2}, {'p': 3, 'q': 5}, {'p': 10, 'q': 4}),
  ),
  base.Template(
      name='scale_point',
      family='geometry_scale',
      describe=(
          'Given a point (x, y), return the point with both coordinates '
          'multiplied by {k} as a tuple.'
      ),
      reference='({k} * x, {k} * y)',
      arguments='x, y',
      inputs=_POINT,
      parameters=({'k': 2}, {'k': 3}, {'k': 10}),
  ),
)
