// FUNCTION solve(vector<int>) -> vector<int>
// TEST ([1, 2, 3],) -> [1, 3, 6]
// TEST ([],) -> []
#include <iterator>
#include <numeric>
#include <vector>
std::vector<int> solve(const std::vector<int> &a) {
  std::vector<int> sums;
  std::partial_sum(a.cbegin(), a.cend(), std::back_inserter(sums));
  return sums;
}
