// FUNCTION solve(int) -> string
// TEST (1,) -> 'odd'
// TEST (2,) -> 'even'
#include <stdexcept>
#include <string>
std::string solve(int n) {
  try {
    if (n % 2) throw std::runtime_error("odd");
    return "even";
  } catch (const std::exception &error) {
    return error.what();
  }
}
