// CASE '2 3\n' -> '5.00\n'
// CASE '1 -1\n' -> '0.00\n'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  double a, b;
  if (scanf("%lf %lf", &a, &b) != 2) exit(1);
  printf("%.2f\n", a + b);
  fprintf(stderr, "done\n");
  return 3;
}
