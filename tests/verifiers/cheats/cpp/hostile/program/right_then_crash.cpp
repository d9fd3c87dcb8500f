// Must be: crash
// The right answer, then a null pointer.
#include <iostream>
int main() {
  int n;
  std::cin >> n;
  std::cout << n * n + 1 << std::endl;
  volatile int *p = nullptr;
  *p = 1;
}
