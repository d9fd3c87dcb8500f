// FUNCTION solve(int) -> vector<vector<int>>
// TEST (3,) -> [[1], [1, 1], [1, 2, 1]]
// TEST (0,) -> []
#include <bits/stdc++.h>
using namespace std;
#define ll long long
typedef vector<vector<int>> table;
table solve(int n) {
  table rows;
  for (int i = 0; i < n; i++) {
    vector<int> row(i + 1, 1);
    for (int k = 1; k < i; k++) row[k] = rows[i - 1][k - 1] + rows[i - 1][k];
    rows.push_back(row);
  }
  return rows;
}
