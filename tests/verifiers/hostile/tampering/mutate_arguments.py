def solve(n, cache=[]):
  cache.append(n)
  return cache
