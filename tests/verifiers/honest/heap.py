# TEST ([5, 1, 4],) -> [1, 4, 5]
import heapq
def solve(xs):
  heapq.heapify(xs)
  return [heapq.heappop(xs) for _ in range(len(xs))]
