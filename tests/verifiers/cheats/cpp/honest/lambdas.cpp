// FUNCTION solve(int) -> int
// TEST (5,) -> 120
// TEST (0,) -> 1
#include <functional>
int solve(int n) {
  std::function<int(int)> factorial = [&](int k) {
    return k < 2 ? 1 : k * factorial(k - 1);
  };
  return factorial(n);
}
