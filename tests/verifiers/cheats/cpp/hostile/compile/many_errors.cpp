// Must be: syntax
// A thousand lines that do not compile.
#define TEN X X X X X X X X X X
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define X undeclared(1); 
void f() { HUNDRED HUNDRED HUNDRED HUNDRED }
int solve(int n) { return n * n + 1; }
