// Must be: wrong_answer
// Reads what never comes.
#include <iostream>
int main() {
  int n, m;
  std::cin >> n >> m;
  std::cout << m << std::endl;
}
