// FUNCTION solve(string) -> string
// TEST ('é',) -> 'é→'
// TEST ('',) -> '→'
#include <string>
// Größer ist nicht besser.
std::string solve(std::string s) { return s + u8"→"; }
