// Must be: forbidden
// Another word for include.
#import "/etc/passwd"
int solve(int n) { return n * n + 1; }
