// Must be: forbidden
// The bytes of a file as numbers.
const char text[] = {
#embed "/etc/passwd"
};
int solve(int n) { return n * n + 1; }
