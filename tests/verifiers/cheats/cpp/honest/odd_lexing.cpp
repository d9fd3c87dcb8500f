// FUNCTION solve(int) -> string
// TEST (1000000,) -> '1\'000\\n"#include" // /* \x07'
// TEST (0,) -> ''
/* # include "not a directive"
 */
#include <string>
#define QUOTE(x) #x
char quote = '"', apostrophe = '\'', hash = '#';
const char *raw = R"x(
#include "inside a raw string"
asm("") __attribute__ )x";
int many = 1'000'000;
std::string solve(int n) <%
  int numbers<:2:> = <%1, 2%>;
  if (n != many) return "";
  return std::string("1'000\\n") + "\"#include\"" " // /* " "\a" + QUOTE();
%>
