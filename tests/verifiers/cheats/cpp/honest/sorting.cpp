// FUNCTION solve(vector<int>) -> vector<int>
// TEST ([3, 1, 2],) -> [3, 2, 1]
// TEST ([],) -> []
#include <algorithm>
#include <functional>
#include <vector>
std::vector<int> solve(std::vector<int> a) {
  std::sort(a.begin(), a.end(), std::greater<int>());
  return a;
}
