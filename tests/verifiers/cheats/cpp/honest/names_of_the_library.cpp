// FUNCTION solve(int) -> int
// TEST (3,) -> 10
// TEST (0,) -> 1
int read = 1;
int write[3] = {0, 0, 1};
int dup, close, time, index, malloc_count;
int exit_code = 1;
int solve(int n) {
  int question = n * n, answer = question + write[2];
  return answer * read;
}
