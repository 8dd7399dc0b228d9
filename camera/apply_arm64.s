#include "textflag.h"

// The assembler has no names for these: vd.4s += vn.4h * vm.4h, and the same with the upper halves of vn and vm.
#define UMLAL(vd, vn, vm) WORD $(0x2e608000 | (vm)<<16 | (vn)<<5 | (vd))
#define UMLAL2(vd, vn, vm) WORD $(0x6e608000 | (vm)<<16 | (vn)<<5 | (vd))

// func remapVector(w *vectorWork)
TEXT ·remapVector(SB), NOSPLIT, $0-8
	MOVD w+0(FP), R10
	MOVD (R10), R0
	MOVD 8(R10), R1
	MOVD 16(R10), R2
	MOVD 24(R10), R3
	MOVD 32(R10), R4
	MOVD 40(R10), R5
	MOVD 48(R10), R6
	MOVD 56(R10), R7
	MOVD 64(R10), R8
	MOVD 72(R10), R9
	ADD  R6<<1, R6, R10
	ADD  R10<<1, R5, R5             // a run has six bytes: x, y, count
	MOVW $0x34808081, R10
	FMOVS R10, F20                  // 1/(255*unit)

pixel:
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	MOVWU (R3), R10                 // where the pixel's runs end
	SUBS  R6, R10, R11
	BEQ   sum
	MOVD  R10, R6

run:
	MOVHU 2(R5), R12
	MUL   R9, R12, R12
	MOVHU (R5), R13
	ADD   R13<<1, R13, R13
	ADD   R8, R12, R12
	ADD   R13, R12, R12             // the run's first byte
	MOVHU 4(R5), R13
	ADD   $6, R5

taps:
	VLD3.P 24(R12), [V0.B8, V1.B8, V2.B8]
	VLD1.P 16(R7), [V6.H8]
	VUSHLL $0, V0.B8, V3.H8
	VUSHLL $0, V1.B8, V4.H8
	VUSHLL $0, V2.B8, V5.H8
	UMLAL(16, 3, 6)
	UMLAL(17, 4, 6)
	UMLAL(18, 5, 6)
	UMLAL2(16, 3, 6)
	UMLAL2(17, 4, 6)
	UMLAL2(18, 5, 6)
	SUBS   $8, R13, R13
	BGT    taps
	SUBS   $1, R11, R11
	BNE    run

sum:
	MOVWU 4(R3), R10                // grey
	VADDV V16.S4, V16
	VADDV V17.S4, V17
	VADDV V18.S4, V18
	VMOV  V16.S[0], R12
	VMOV  V17.S[0], R13
	VMOV  V18.S[0], R14
	ADDW  R10, R12, R12
	ADDW  R10, R13, R13
	ADDW  R10, R14, R14
	SCVTFWS R12, F0
	SCVTFWS R13, F1
	SCVTFWS R14, F2
	FMULS F20, F0, F0
	FMULS F20, F1, F1
	FMULS F20, F2, F2
	FMOVS.P F0, 4(R0)
	FMOVS.P F1, 4(R1)
	FMOVS.P F2, 4(R2)
	ADD   $8, R3
	SUBS  $1, R4, R4
	BNE   pixel
	RET
