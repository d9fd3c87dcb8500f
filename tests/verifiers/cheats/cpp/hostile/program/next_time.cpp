// Must be: wrong_answer
// Leaves a note for the next case.
#include <fstream>
#include <iostream>
int main() {
  std::ifstream seen("note");
  std::ofstream("note") << 1;
  std::cout << (seen ? "10" : "0") << std::endl;
}
