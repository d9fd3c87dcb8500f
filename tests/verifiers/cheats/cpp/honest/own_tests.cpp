// FUNCTION solve(int) -> bool
// TEST (4,) -> True
// TEST (7,) -> False
#include <cassert>
#include <iostream>
// The author's own tests; "main" is not asked for.
bool solve(int n) {
  std::cout << "solve(" << n << ")" << std::endl;
  std::cerr << "debug" << std::endl;
  return n % 2 == 0;
}
int main() {
  assert(solve(2));
  std::cout << "ok" << std::endl;
}
