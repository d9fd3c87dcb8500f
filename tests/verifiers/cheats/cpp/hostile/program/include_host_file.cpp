// Must be: forbidden
// Includes a file of the host.
#include "/etc/passwd"
int main() {}
