// Must be: wrong_answer
// The right answer to the wrong place.
#include <iostream>
int main() {
  int n;
  std::cin >> n;
  std::cerr << n * n + 1 << "\n";
}
