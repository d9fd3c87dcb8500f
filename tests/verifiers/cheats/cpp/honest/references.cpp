// FUNCTION solve(vector<int>, int) -> vector<int>
// TEST ([1, 2], 3) -> [1, 2, 3]
// TEST ([], 0) -> [0]
#include <vector>
std::vector<int> &solve(std::vector<int> &a, int &n) {
  a.push_back(n);
  return a;
}
