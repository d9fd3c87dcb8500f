// Must be: wrong_answer
// The right answer and one more.
#include <iostream>
int main() {
  int n;
  std::cin >> n;
  std::cout << n * n + 1 << "\n" << n * n + 1 << "\n";
}
