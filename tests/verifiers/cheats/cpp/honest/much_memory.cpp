// FUNCTION solve(int) -> int
// TEST (20000000,) -> 20000000
#include <vector>
int solve(int n) {
  std::vector<int> big(n, 1);
  int sum = 0;
  for (int x : big) sum += x;
  return sum;
}
