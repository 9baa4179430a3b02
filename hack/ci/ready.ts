// Prints what the checks will run with; that it starts at all means that the dependencies are installed.
console.log(`Node ${process.version}`)
