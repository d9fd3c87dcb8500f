// FUNCTION solve(int) -> int
// TEST (2000000,) -> 148933
#include <vector>
int solve(int n) {
  std::vector<bool> composite(n + 1);
  int count = 0;
  for (long long i = 2; i <= n; i++) {
    if (composite[i]) continue;
    count++;
    for (long long k = i * i; k <= n; k += i) composite[k] = true;
  }
  return count;
}
