// Must be: time
// The right answer, then no end.
#include <iostream>
int main() {
  int n;
  std::cin >> n;
  std::cout << n * n + 1 << std::endl;
  for (volatile int i = 1; i;) {}
}
