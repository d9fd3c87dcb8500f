import multiprocessing
def solve(n):
  with multiprocessing.Pool(2) as pool:
    return pool.map(abs, [n])
