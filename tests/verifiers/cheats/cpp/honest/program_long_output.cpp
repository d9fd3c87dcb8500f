// CASE '3\n' -> '0\n1\n2\n'
#include <iostream>
int main() {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  int n;
  std::cin >> n;
  for (int i = 0; i < n; i++) std::cout << i << '\n';
}
