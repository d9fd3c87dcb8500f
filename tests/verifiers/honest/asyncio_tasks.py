# TEST (4,) -> [0, 1, 4, 9]
import asyncio
async def square(n):
  await asyncio.sleep(0)
  return n * n
async def everything(n):
  return await asyncio.gather(*map(square, range(n)))
def solve(n):
  return asyncio.run(everything(n))
