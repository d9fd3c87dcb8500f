// CASE '3\n1 2 3\n' -> '6\n'
// CASE '0\n\n' -> '0\n'
#include <iostream>
using namespace std;
int main() {
  int n, x, sum = 0;
  cin >> n;
  while (n-- && cin >> x) sum += x;
  cout << sum;
}
