// Must be: wrong_answer
// Says that it passed.
#include <iostream>
int main() { std::cout << "passed" << std::endl; }
