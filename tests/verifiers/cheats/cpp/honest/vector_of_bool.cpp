// FUNCTION solve(vector<bool>) -> vector<bool>
// TEST ([True, False],) -> [False, True]
#include <vector>
std::vector<bool> solve(std::vector<bool> a) {
  a.flip();
  return a;
}
