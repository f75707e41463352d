// twins
