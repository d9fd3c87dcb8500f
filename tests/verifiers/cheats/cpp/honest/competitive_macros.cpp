// FUNCTION solve(vector<long long>) -> long long
// TEST ([1099511627776, 2],) -> 1099511627778
// TEST ([],) -> 0
#pragma GCC optimize("O3")
#include <vector>
using namespace std;
#define int long long
#define all(x) (x).begin(), (x).end()
#define rep(i, n) \
  for (int i = 0; i < (int)(n); i++)
int solve(vector<int> a) {
  int total = 0;
  rep(i, a.size()) total += a[i];
  return total;
}
