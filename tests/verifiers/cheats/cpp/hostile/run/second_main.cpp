// Must be: syntax
// The same after taking the macro away.
#include <cstdio>
#undef main
int solve(int n) { return 0; }
int main() {
  for (int i = 0; i < 5; i++) puts("i10");
}
