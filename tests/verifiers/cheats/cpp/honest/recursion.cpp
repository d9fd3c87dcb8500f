// FUNCTION solve(int) -> long long
// TEST (90,) -> 2880067194370816120
// TEST (1,) -> 1
#include <map>
std::map<int, long long> known;
long long solve(int n) {
  if (n < 2) return n;
  if (known.count(n)) return known[n];
  return known[n] = solve(n - 1) + solve(n - 2);
}
