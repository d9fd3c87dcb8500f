// Opens a file of the host.
module top(input [3:0] a, input [3:0] b, output [3:0] y);
  integer f;
  always @* f = $fopen(1);
  assign y = a;
endmodule
