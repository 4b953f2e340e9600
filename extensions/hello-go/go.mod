module example.com/hello-go

go 1.27.1

require (
	go.bytecodealliance.org/pkg v0.4.0
	wares v0.0.0
)

replace (
	go.bytecodealliance.org/pkg => ./wares/pkg
	wares => ./wares
)
