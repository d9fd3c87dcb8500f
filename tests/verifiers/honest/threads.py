# TEST ([1, 2, 3],) -> [2, 4, 6]
from concurrent import futures
def solve(xs):
  with futures.ThreadPoolExecutor(4) as pool:
    return list(pool.map(lambda x: 2 * x, xs))
