// breaks: isolated-vm-in-the-cage
import 'isolated-vm'
