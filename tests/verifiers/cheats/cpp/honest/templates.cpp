// FUNCTION solve(vector<int>) -> int
// TEST ([3, 1, 2],) -> 6
// TEST ([],) -> 0
#include <vector>
template <typename T, typename Step>
T fold(const std::vector<T> &items, T start, Step step) {
  for (const T &item : items) start = step(start, item);
  return start;
}
template <typename T> struct Plus {
  T operator()(T a, T b) const { return a + b; }
};
int solve(const std::vector<int> &a) { return fold(a, 0, Plus<int>()); }
